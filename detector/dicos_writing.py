"""Writes DICOS DX files, and the part that every DICOS file has in common.

The elements beyond DICOM's own follow NEMA IIC 1 version 3; those that pydicom's dictionary lacks, or gives another
type, are written by number.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    DICOSDigitalXRayImageStorageForPresentation,
    DICOSDigitalXRayImageStorageForProcessing,
    ExplicitVRLittleEndian,
)

from detector import __version__

__all__ = ["common_elements", "long_string", "to_bytes", "uid_of", "write_dx"]

_SPACE: Final = uuid.UUID("5b1b3a4e-6d0f-4b55-9a39-0d6a6f8f7c11")
_MAX_LONG_STRING: Final = 64


def write_dx(
    pixels: NDArray[np.uint16],
    *,
    item_id: str | None = None,
    captured_at: datetime | None = None,
    for_processing: bool = True,
    kvp: float = 160.0,
) -> bytes:
    """Return an (H, W) view, proportional to the X-ray intensity (air is high), as a DICOS DX file.

    Equal arguments give equal identifiers.

    Raises:
        ValueError: not an (H, W) uint16 array, or a side over 65535 pixels.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint16 or not pixels.size or max(pixels.shape) > 0xFFFF:
        raise ValueError(f"expected an (H, W) uint16 view, got {pixels.shape} {pixels.dtype}")
    moment = captured_at or datetime(2000, 1, 1, tzinfo=UTC)
    name = f"{item_id} {moment.isoformat()} {hashlib.sha256(pixels.tobytes()).hexdigest()}"
    sop_class = (
        DICOSDigitalXRayImageStorageForProcessing if for_processing else DICOSDigitalXRayImageStorageForPresentation
    )
    dx = common_elements(
        sop_class,
        instance_uid=uid_of(f"dx {name}"),
        study_uid=uid_of(f"study {name}"),
        series_uid=uid_of(f"series {name}"),
        item_id=item_id,
        moment=moment,
    )
    dx.ImageType = ["ORIGINAL", "INTENSITY"]
    dx.Modality = "XRAY"
    dx.PresentationIntentType = "FOR PROCESSING" if for_processing else "FOR PRESENTATION"
    dx.add_new(0x00080118, "CS", "MACHINE")  # image origin
    dx.add_new(0x00082108, "CS", "RHS")  # coordinate system
    dx.KVP = f"{kvp:g}"
    dx.DetectorType = "SCINTILLATOR"
    dx.XRayTubeCurrentInuA = "1000"
    dx.ImagePositionPatient = [0, 0, 0]
    dx.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dx.SamplesPerPixel = 1
    dx.PhotometricInterpretation = "MONOCHROME2"
    dx.Rows, dx.Columns = pixels.shape
    dx.BitsAllocated, dx.BitsStored, dx.HighBit, dx.PixelRepresentation = 16, 16, 15, 0
    dx.BurnedInAnnotation = "NO"
    dx.PixelIntensityRelationship, dx.PixelIntensityRelationshipSign = "LIN", 1
    dx.WindowCenter, dx.WindowWidth = 32768, 65536
    dx.RescaleIntercept, dx.RescaleSlope, dx.RescaleType = 0, 1, "US"
    dx.LossyImageCompression = "00"
    dx.AcquisitionContextSequence = []
    dx.PresentationLUTShape = "IDENTITY"
    dx.TableSpeed = dx.BeltHeight = 0.0  # not known
    dx.add_new(0x43000902, "FL", 0.0)  # effective energy, keV; 0: not known
    dx.PixelData = pixels.astype("<u2").tobytes()
    dx["PixelData"].VR = "OW"
    return to_bytes(dx)


def common_elements(
    sop_class: str, *, instance_uid: str, study_uid: str, series_uid: str, item_id: str | None, moment: datetime
) -> Dataset:
    """Return a data set with what every DICOS file has: identifiers, times, the object of inspection, the machine."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = sop_class, instance_uid
    made.StudyInstanceUID, made.SeriesInstanceUID = study_uid, series_uid
    utc = moment.astimezone(UTC)
    made.TimezoneOffsetFromUTC = "+0000"
    date, time = utc.strftime("%Y%m%d"), utc.strftime("%H%M%S.%f")
    made.InstanceCreationDate = made.StudyDate = made.SeriesDate = made.ContentDate = date
    made.InstanceCreationTime = made.StudyTime = made.SeriesTime = made.ContentTime = time
    made.DateOfLastCalibration, made.TimeOfLastCalibration = date, time
    made.PatientID = long_string(item_id or "unknown")
    made.IssuerOfPatientID = "unknown"
    made.TypeOfPatientID = "TEXT"
    made.PatientSex = "U"
    made.OtherPatientIDsSequence = []
    made.Manufacturer = "ParcelRay"
    made.ManufacturerModelName = "ParcelRay"
    made.SoftwareVersions = __version__
    made.InstitutionName = made.InstitutionAddress = made.StationName = "unknown"
    made.InstitutionalDepartmentName = ""
    made.DeviceSerialNumber = "unknown"
    made.StudyID, made.InstanceNumber = "unknown", 1
    made.AlgorithmRoutingCodeSequence = []
    made.DICOSVersion = "V03"
    made.OOIType = "CARGO"
    made.AcquisitionStatus = "SUCCESSFUL"
    made.ScanType = "OPERATIONAL"
    return made


def to_bytes(dataset: Dataset) -> bytes:
    """Return a data set as an uncompressed file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.add_new(0x00020004, "CS", "V03")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    file = FileDataset(buffer, dataset, preamble=bytes(128), file_meta=meta)
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def uid_of(name: str) -> str:
    """Return a globally unique identifier made from a name: the same name, the same identifier (ITU X.667)."""
    return f"2.25.{uuid.uuid5(_SPACE, name).int}"


def long_string(text: str) -> str:
    """Return a text as DICOM's LO takes it: 64 characters, no backslash, which would divide it."""
    return text.replace("\\", "/")[:_MAX_LONG_STRING].strip() or "unknown"
