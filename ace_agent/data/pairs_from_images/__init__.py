"""The paper's two routes from anyone's pictures to training pairs (arXiv 2410.00086, section 3.4).

Synthesis applies operators to one picture; clustering links two pictures of one subject.
"""
