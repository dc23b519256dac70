"""RMSNorm over the full width, the split into heads, and rotary position embedding on three axes."""
