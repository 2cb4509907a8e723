"""From frames to one verdict for each stone that lies on the tray."""

from edge_app.scanner.scanner import Scanner
from edge_app.scanner.stone import ScannedStone

__all__ = ["ScannedStone", "Scanner"]
