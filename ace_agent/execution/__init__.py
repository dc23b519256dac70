"""From a plan to pictures: steps in order, history, fidelity, recipes."""
