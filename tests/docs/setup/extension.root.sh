# An empty environment in the place of Review Board's.
python3 -m venv /opt/reviewboard
