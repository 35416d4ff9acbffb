"""What the paper reports, in %: J. Vonderfecht and F. Liu, "Fingerprints of Super Resolution Networks", TMLR 2022.

Means of three classifier seeds. The paper's Table 3 has the headings of architecture and training set swapped; here
they stand where they belong. SqueezeNet stands for their VGG, ResNet-56 for their ResNet-18, A for DIV2K, B for
Flickr2K, A/4 and B/4 for quarters of these.
"""

ATTRIBUTION: dict[str, dict[str, float]] = {
    "all": {"all": 96.0},
    "scale": {"×2": 95.4, "×4": 96.6},
    "loss": {"L1": 89.2, "SqueezeNet + adversarial": 99.2, "ResNet-56 + adversarial": 99.6},
    "training_set": {"A": 96.1, "B": 96.6, "A/4": 94.9, "B/4": 96.3},
    "architecture": {"edsr": 94.9, "rdn": 96.3, "rcan": 94.7, "swinir": 98.0, "nlsn": 96.1},
}
PRNU: dict[str, dict[str, float]] = {
    "scale": {"×2": 9.1, "×4": 19.0},
    "loss": {"L1": 35.6, "SqueezeNet + adversarial": 4.6, "ResNet-56 + adversarial": 1.9},
    "training_set": {"A": 14.5, "B": 13.0, "A/4": 13.5, "B/4": 14.4},
    "architecture": {"edsr": 10.4, "rdn": 20.8, "rcan": 13.8, "swinir": 13.9, "nlsn": 11.2},
}
SEEDS = {
    "all": 98.6,
    "L1 ×2": 95.6,
    "L1 ×4": 96.8,
    "SqueezeNet + adversarial ×2": 99.7,
    "SqueezeNet + adversarial ×4": 99.9,
    "ResNet-56 + adversarial ×2": 99.8,
    "ResNet-56 + adversarial ×4": 100.0,
}
SEEDS_PRNU = 62.2
COLUMNS = (
    ("seed", "3"),
    ("training_set", "B"),
    ("architecture", "swinir"),
    ("architecture", "rcan"),
    ("loss", "SqueezeNet + adversarial"),
    ("loss", "L1"),
)
"""What the paper withholds."""
CHANCE = {"scale": 50.0, "loss": 33.3, "architecture": 20.0, "training_set": 25.0}
PARSERS: dict[str, dict[tuple[str, str], float]] = {
    "scale": dict(zip(COLUMNS, (100.0, 100.0, 99.6, 99.4, 98.9, 51.5), strict=True)),
    "loss": dict(zip(COLUMNS[:4], (98.6, 98.4, 94.3, 95.5), strict=True)),
    "architecture": dict(zip((*COLUMNS[:2], *COLUMNS[4:]), (74.2, 74.4, 44.3, 20.8), strict=True)),
    "training_set": dict(zip(COLUMNS[2:], (33.0, 36.2, 31.9, 26.1), strict=True)),
}
PRETRAINED = {"all": 87.5, "fidelity ×2": 77.4, "fidelity ×4": 87.9, "adversarial ×4": 98.7}
PRETRAINED_PRNU = 10.4
PRETRAINED_SCALE_L1 = 100.0
PRETRAINED_KIND = 100.0
REAL_ESRGAN_SCALE = 9.0
"""Real-ESRGAN x4 is called x2 in 91 % of cases."""
