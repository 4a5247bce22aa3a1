"""What is kept: scans, views, detections, reviews and the evidence chain; images as files."""
