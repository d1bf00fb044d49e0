"""Put RevCol (reversible column networks, arXiv 2212.11696) into YOLO v5, v7, v8 and v9."""

__version__ = "0.1.0"
