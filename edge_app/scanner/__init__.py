"""From frames to one verdict for each stone that lies on the tray."""

from edge_app.scanner.scanner import Scan, Scanner
from edge_app.scanner.stone import ScannedStone

__all__ = ["Scan", "ScannedStone", "Scanner"]
