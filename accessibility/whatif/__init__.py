"""What if: scenarios, trials that change step by step, and comparisons."""
