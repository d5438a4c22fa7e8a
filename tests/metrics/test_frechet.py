"""The Frechet distance against 40-digit truth, a closed form, peers, and what must hold."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench import TpgbenchError
from tpgbench.metrics import frechet
from tpgbench.metrics.frechet import Gaussian, frechet_distance


def of_features(first, second):
    return frechet_distance(Gaussian.of_features(first), Gaussian.of_features(second))


def features(count, width, seed=0, scale=1.0, shift=0.0):
    """Correlated features, as a network's are."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(999).normal(size=(width, width)) / np.sqrt(width)
    return (rng.normal(size=(count, width)) @ mixing * scale + shift).astype(np.float32)


def truth_of_40_digits(first, second):
    """The definition itself: the covariances' product, its eigenvalues, their roots."""
    with mpmath.workdps(60):
        means, covariances = [], []
        for rows in (first, second):
            matrix = mpmath.matrix([[mpmath.mpf(float(x)) for x in row] for row in rows])
            count = matrix.rows
            mean = [mpmath.fsum(matrix[:, j]) / count for j in range(matrix.cols)]
            for j in range(matrix.cols):
                for i in range(count):
                    matrix[i, j] -= mean[j]
            means.append(mean)
            covariances.append(matrix.T * matrix / (count - 1))
        eigenvalues, _ = mpmath.eig(covariances[0] * covariances[1])
        roots = mpmath.fsum(mpmath.sqrt(abs(mpmath.re(value))) for value in eigenvalues)
        gap = mpmath.fsum((a - b) ** 2 for a, b in zip(*means, strict=True))
        traces = mpmath.fsum(c[i, i] for c in covariances for i in range(c.rows))
        return float(gap + traces - 2 * roots)


@pytest.mark.parametrize(
    ("first", "second"), [(2, 2), (3, 5), (5, 3), (6, 6), (7, 7), (4, 40), (40, 30)]
)
def test_equals_the_definition_in_40_digits_whatever_the_ranks(first, second):
    # Fewer images than dimensions on both sides, on one, and on none.
    a, b = features(first, 6, seed=1), features(second, 6, seed=2, scale=1.5, shift=0.3)
    expected = truth_of_40_digits(a, b)
    assert of_features(a, b) == pytest.approx(expected, rel=1e-13)
    moments = [Gaussian.of_moments(x.mean(0, dtype=float), np.cov(x, rowvar=False)) for x in (a, b)]
    assert frechet_distance(*moments) == pytest.approx(expected, rel=1e-7)


def test_equals_the_closed_form_of_commuting_covariances_in_2048_dimensions():
    # With C1 = U diag(a) U' and C2 = U diag(b) U' the trace of the root is the sum of sqrt(a b).
    # Eigenvalues fall as those of Inception features do, over eight decades.
    rng = np.random.default_rng(3)
    width = 2048
    a = 10.0 ** -np.linspace(0, 8, width)
    b = a[::-1] * 2
    # A product of two reflections is orthogonal, and cheap.
    v, w = (x / np.linalg.norm(x) for x in rng.normal(size=(2, width)))

    def rotate(rows):
        rows = rows - 2 * np.outer(rows @ v, v)
        return rows - 2 * np.outer(rows @ w, w)

    shift = rng.normal(size=width) / 10
    first = Gaussian(np.zeros(width), rotate(np.diag(np.sqrt(a))))
    second = Gaussian(shift, rotate(np.diag(np.sqrt(b))))
    expected = float(shift @ shift + a.sum() + b.sum() - 2 * np.sqrt(a * b).sum())
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("count", [2, 3, 63, 64, 65, 66, 300, 3_000])
def test_equals_torch_fidelity_on_synthetic_features(count):
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    a, b = features(count, 64, seed=1), features(count, 64, seed=2, scale=1.3, shift=0.1)
    moments = [
        {"mu": x.mean(0, dtype=np.float64), "sigma": np.cov(x, rowvar=False)} for x in (a, b)
    ]
    expected = fid_statistics_to_metric(*moments, verbose=False)[KEY_METRIC_FID]
    # Of singular covariances the peer is the less exact: it takes roots of rounding errors.
    tolerance = 1e-9 if count > 66 else 1e-5
    assert of_features(a, b) == pytest.approx(expected, rel=tolerance)


def test_equals_pytorch_fid_on_synthetic_features():
    from pytorch_fid.fid_score import calculate_frechet_distance

    a, b = features(300, 64, seed=1), features(200, 64, seed=2, scale=1.3, shift=0.1)
    moments = [m for x in (a, b) for m in (x.mean(0, dtype=float), np.cov(x, rowvar=False))]
    expected = calculate_frechet_distance(*moments)
    assert of_features(a, b) == pytest.approx(float(expected), rel=1e-9)


def test_a_set_of_many_blocks_has_the_covariance_of_the_whole(monkeypatch):
    monkeypatch.setattr(frechet, "_MIN_BLOCK_ROWS", 7)
    many = features(100, 5, seed=4, shift=3.0)
    found = Gaussian.of_features(many)
    assert found.factor.shape == (5, 5)
    np.testing.assert_allclose(
        found.factor.T @ found.factor, np.cov(many, rowvar=False), rtol=1e-12, atol=1e-15
    )


def test_a_covariance_of_low_rank_keeps_its_rank():
    few = features(4, 30, seed=5)
    found = Gaussian.of_moments(few.mean(0), np.cov(few, rowvar=False))
    assert found.factor.shape == (3, 30)
    np.testing.assert_allclose(
        found.factor.T @ found.factor, np.cov(few, rowvar=False), rtol=1e-9, atol=1e-12
    )


COUNTS = st.integers(2, 40)
SEEDS = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None)
@given(first=COUNTS, second=COUNTS, seed=SEEDS)
def test_is_symmetric_zero_on_itself_and_blind_to_order(first, second, seed):
    a, b = features(first, 12, seed), features(second, 12, seed + 1, scale=2.0, shift=0.5)
    distance = of_features(a, b)
    assert distance > 0
    assert of_features(b, a) == pytest.approx(distance, rel=1e-12)
    assert of_features(a, a) < 1e-10 * Gaussian.of_features(a).trace
    shuffled = np.random.default_rng(seed).permutation(a)
    assert of_features(shuffled, b) == pytest.approx(distance, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(count=COUNTS, seed=SEEDS, step=st.floats(0.01, 100))
def test_of_a_moved_copy_is_the_square_of_the_move(count, seed, step):
    a = features(count, 12, seed).astype(np.float64)
    assert of_features(a, a + step) == pytest.approx(12 * step**2, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(count=COUNTS, seed=SEEDS)
def test_of_a_scaled_copy_is_the_trace_times_the_square_of_the_step(count, seed):
    a = features(count, 12, seed).astype(np.float64)
    a -= a.mean(0)
    expected = 0.5**2 * Gaussian.of_features(a).trace
    assert of_features(a, 1.5 * a) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(3, 60), seed=SEEDS)
def test_grows_with_the_noise(count, seed):
    a = features(count, 12, seed)
    noise = np.random.default_rng(seed + 7).normal(size=a.shape)
    distances = [of_features(a, a + level * noise) for level in (0, 1, 2, 4, 8)]
    assert distances == sorted(distances)
    assert distances[0] < distances[1]


def test_what_is_no_distribution_is_refused():
    with pytest.raises(TpgbenchError, match="at least 2 images, and here is 1"):
        Gaussian.of_features(features(1, 4))
    broken = features(5, 4)
    broken[2, 1] = np.nan
    with pytest.raises(TpgbenchError, match="not finite"):
        Gaussian.of_features(broken)
    with pytest.raises(TpgbenchError, match=r"shape \(3,\).*shape \(4, 4\)"):
        Gaussian.of_moments(np.zeros(3), np.eye(4))
    with pytest.raises(TpgbenchError, match="not finite"):
        Gaussian.of_moments(np.full(4, np.inf), np.eye(4))
    with pytest.raises(TpgbenchError, match="not symmetric"):
        Gaussian.of_moments(np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(TpgbenchError, match="4 dimensions and the other 5"):
        of_features(features(5, 4), features(5, 5))
