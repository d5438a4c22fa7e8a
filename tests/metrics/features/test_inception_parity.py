"""FID, KID and the inception score end to end against each library, with shared random weights."""

import numpy as np
import PIL.Image
import pytest
import torch
from commands import run_code
from inception_oracle import (
    clean_fid,
    pytorch_fid_network,
    torchmetrics_fid,
    write_clean_weights,
)
from tpgbench.metrics import compute_fid, compute_is, compute_kid

pytestmark = pytest.mark.slow

# Images a side, and their sizes in turn, (width, height).
SETS = {
    "64": (32, [(64, 64)]),
    "299": (10, [(299, 299)]),
    "mixed": (12, [(64, 64), (299, 299), (333, 201), (640, 481), (17, 400), (512, 512)]),
}


@pytest.fixture(scope="module", params=SETS)
def folders(request, tmp_path_factory):
    """Two folders: smooth colours with noise, the generated ones redder."""
    count, sizes = SETS[request.param]
    sides = []
    for seed, name in enumerate(("real", "generated")):
        rng = np.random.default_rng(seed)
        folder = tmp_path_factory.mktemp(name)
        for index in range(count):
            small = PIL.Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
            wide = small.resize(sizes[index % len(sizes)], PIL.Image.Resampling.BICUBIC)
            smooth = np.add(wide, [20 * seed, 0, 0], dtype=np.int16)
            noisy = smooth + rng.integers(-20, 20, smooth.shape, np.int16)
            PIL.Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(
                folder / f"{index:03d}.png"
            )
        sides.append(folder)
    return sides


def planes(path):
    return torch.from_numpy(np.asarray(PIL.Image.open(path)).transpose(2, 0, 1).copy())[None]


def of_pytorch_fid(weights, folders):
    from pytorch_fid.fid_score import calculate_activation_statistics, calculate_frechet_distance

    network = pytorch_fid_network(weights)
    moments = []
    for folder in folders:
        paths = sorted(folder.iterdir())
        moments += calculate_activation_statistics(paths, network, 1, 2048, "cpu", 0)
    return calculate_frechet_distance(*moments)


def of_torch_fidelity(weights, folders, **options):
    from torch_fidelity import calculate_metrics

    return calculate_metrics(
        input1=str(folders[1]),
        input2=str(folders[0]),
        feature_extractor_weights_path=str(weights),
        batch_size=1,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        **options,
    )


def of_clean_fid(weights, folders):
    write_clean_weights(weights)
    with clean_fid(weights) as library:
        return library.compute_fid(
            *map(str, folders),
            device=torch.device("cpu"),
            use_dataparallel=False,
            num_workers=0,
            verbose=False,
        )


def of_torchmetrics(weights, folders):
    metric = torchmetrics_fid(weights)
    for folder, real in zip(folders, (True, False), strict=True):
        for path in sorted(folder.iterdir()):
            metric.update(planes(path), real=real)
    return float(metric.compute())


LIBRARIES = {
    "pytorch-fid": of_pytorch_fid,
    "torch-fidelity": lambda *given: of_torch_fidelity(*given, fid=True)[
        "frechet_inception_distance"
    ],
    "clean": of_clean_fid,
    "torchmetrics": of_torchmetrics,
}


@pytest.mark.parametrize("protocol", LIBRARIES)
def test_fid_is_the_library_s(protocol, inception_weights, folders):
    expected = float(LIBRARIES[protocol](inception_weights, folders))
    found = compute_fid(*folders, protocol=protocol).value
    # A library's root of two singular covariances is itself no better than this.
    assert found == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("folders", ["mixed"], indirect=True)
def test_the_protocols_differ_by_more_than_that(inception_weights, folders):
    values = [compute_fid(*folders, protocol=protocol).value for protocol in LIBRARIES]
    gaps = np.abs(np.subtract.outer(values, values))[~np.eye(4, dtype=bool)]
    assert gaps.min() > 2e-5 * max(values)


def test_kid_and_inception_score_are_torch_fidelity_s(inception_weights, folders):
    count = len(list(folders[0].iterdir()))
    expected = of_torch_fidelity(
        inception_weights, folders, kid=True, isc=True, kid_subset_size=count
    )
    kid = compute_kid(*folders, protocol="torch-fidelity")
    # The library sums kernels in float32.
    assert kid.value == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-3)
    score = compute_is(folders[1], protocol="torch-fidelity")
    assert score.value == pytest.approx(expected["inception_score_mean"], rel=1e-5)
    assert score.spread == pytest.approx(expected["inception_score_std"], rel=1e-3)


def test_memory_does_not_grow_with_the_images(inception_weights, tmp_path):
    def peak(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        noise = np.random.default_rng(0).integers(0, 256, (1_000, 1_000, 3), dtype=np.uint8)
        PIL.Image.fromarray(noise).save(folder / "0.png", compress_level=0)
        for index in range(1, count):
            (folder / f"{index}.png").hardlink_to(folder / "0.png")
        code = (
            "import resource, sys; from tpgbench.metrics import compute_is; "
            "compute_is(sys.argv[1], cache=False); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        return int(run_code(code, folder)) / 1024

    # Each decoded image is 3 MB, so 80 more would be 240 MiB.
    assert peak(160) < peak(80) + 60
