"""Training pairs from a folder of images, in the paper's two ways (arXiv 2410.00086, section 3.4).

Synthesis applies operators to one image; clustering pairs two images of one subject.
"""
