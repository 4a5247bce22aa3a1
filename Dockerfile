# The serving image: no torch in it. Make a key first, then serve:
#   docker build -t parcelray .
#   docker run -v parcelray:/data parcelray keys create --name NAME --scope admin --data /data
#   docker run -p 8000:8000 -v parcelray:/data parcelray
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE parcelray.py ./
COPY detector detector
COPY training/__init__.py training/
COPY datasets/__init__.py datasets/
COPY serving serving
COPY benchmarks/__init__.py benchmarks/
RUN python -m venv /opt/parcelray \
 && /opt/parcelray/bin/python -m pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim
COPY --from=build /opt/parcelray /opt/parcelray
RUN useradd --create-home --uid 10001 parcelray && mkdir /data && chown parcelray /data
USER 10001
ENV PATH=/opt/parcelray/bin:$PATH
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["parcelray"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--data", "/data"]
