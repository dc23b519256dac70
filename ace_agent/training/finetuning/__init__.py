"""Fine-tunes ace-mini or the released model on pairs."""
