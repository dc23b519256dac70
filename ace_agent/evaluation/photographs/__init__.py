"""Requests on photographs, judged by pixels: by the product as it is, by ace-mini alone, and by doing nothing."""
