"""Names become devices and precisions; running out of memory is recognised and backed off from."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable

import pytest
import torch

from visioncore.devices import (
    autocast,
    describe_machine,
    extra_memory,
    is_out_of_memory,
    peak_memory,
    reset_peak_memory,
    resolve_device,
    resolve_dtype,
    slow_precision,
    synchronize,
    with_backoff,
)
from visioncore.devices import precision as under_test
from visioncore.errors import InputError

CPU = torch.device("cpu")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_best_device(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device() == torch.device(expected)
    assert resolve_device("cpu") == resolve_device(CPU) == CPU


def test_auto_gives_each_process_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    devices = []
    for rank in range(3):
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        devices.append(str(resolve_device("auto")))
    assert devices == ["cuda:0", "cuda:1", "cuda:0"]


def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(InputError, match="device cuda:1: PyTorch finds 1 CUDA device"):
        resolve_device("cuda:1")
    with pytest.raises(InputError, match=r"device mps: .* use auto or cpu"):
        resolve_device("mps")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="PyTorch finds 0 CUDA devices"):
        resolve_device("cuda")
    with pytest.raises(InputError, match="unknown device 'gpu'; known are auto, cpu"):
        resolve_device("gpu")


def test_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    assert resolve_dtype("float32", CPU) == torch.float32
    assert resolve_dtype("bfloat16", CPU) == torch.bfloat16
    assert resolve_dtype("float16", cuda) == torch.float16
    assert resolve_dtype("auto", CPU) == torch.float32
    for supported, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(under_test, "has_bfloat16", lambda device, answer=supported: answer)
        assert resolve_dtype("auto", cuda) == expected
    with pytest.raises(InputError, match="unknown precision 'half'; known are auto, float32"):
        resolve_dtype("half", CPU)


def test_autocast_lowers_the_precision_of_products_only_when_asked() -> None:
    matrix = torch.ones(2, 2)
    with autocast(CPU, torch.float32):
        assert (matrix @ matrix).dtype == torch.float32
    with autocast(CPU, torch.bfloat16):
        assert (matrix @ matrix).dtype == torch.bfloat16
    assert (matrix @ matrix).dtype == torch.float32


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FULL, True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("Invalid buffer size: 24.00 GiB"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt(), False),
        (InputError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_real_failed_allocation_counts() -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(2**59, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def failing_above(limit: int, tried: list[int]) -> Callable[[int], str]:
    def run(size: int) -> str:
        tried.append(size)
        if size > limit:
            raise FULL
        return f"done with {size}"

    return run


def test_backoff_halves_until_it_fits_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    tried: list[int] = []
    said: list[str] = []
    assert with_backoff(failing_above(3, tried), 16, notify=said.append) == "done with 2"
    assert tried == [16, 8, 4, 2]
    assert said[0] == "out of memory at size 16, going on with 8"
    assert len(said) == len(emptied) == 3


def test_backoff_stops_at_the_minimum_with_advice() -> None:
    tried: list[int] = []
    with pytest.raises(InputError, match=r"smallest size \(5\).*would help") as caught:
        with_backoff(failing_above(0, tried), 16, minimum=5)
    assert tried == [16, 8, 5]
    assert is_out_of_memory(caught.value)


def test_backoffs_can_be_nested() -> None:
    def tile(size: int) -> str:
        return with_backoff(failing_above(0 if size > 64 else 1, []), 4)

    assert with_backoff(tile, 256) == "done with 1"


def test_backoff_does_not_hide_other_errors() -> None:
    def run(size: int) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        with_backoff(run, 4)


def test_backoff_lets_go_of_the_tensors_of_the_failed_run() -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def run(size: int) -> int:
        assert all(reference() is None for reference in held)
        big = torch.ones(4)
        held.append(weakref.ref(big))
        if size > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return size

    assert with_backoff(run, 4) == 1
    assert len(held) == 3


def test_peak_memory_sees_a_large_tensor_that_is_gone() -> None:
    reset_peak_memory(CPU)
    before = peak_memory(CPU)
    size = 100_000_000
    torch.ones(size, dtype=torch.uint8)
    synchronize(CPU)
    # Where the peak cannot be reset, it may already have stood higher.
    assert peak_memory(CPU) >= max(before, size)
    if os.access("/proc/self/clear_refs", os.W_OK):
        assert peak_memory(CPU) >= before + 0.5 * size
        reset_peak_memory(CPU)
        assert peak_memory(CPU) < before + 0.5 * size


def test_extra_memory_is_what_tensors_take_at_the_height(capfd: pytest.CaptureFixture[str]) -> None:
    megabyte = torch.ones(2**18)

    def work() -> None:
        first = megabyte + 1
        second = first + first
        del first
        third = second + 1
        assert (third + second).sum().isfinite()

    assert extra_memory(work, CPU) == pytest.approx(3 * 2**20, rel=0.01)
    assert extra_memory(lambda: None, CPU) == 0
    assert capfd.readouterr().err == ""


def test_the_machine_in_words() -> None:
    machine = describe_machine()
    assert machine["torch"] == torch.__version__
    assert set(machine) == {"python", "torch", "processor", "cores", "memory", "bfloat16", "gpus"}
    assert all(text and "\n" not in text for text in machine.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_cuda_memory_and_precision() -> None:
    cuda = resolve_device("auto")
    assert cuda.type == "cuda"
    reset_peak_memory(cuda)
    before = peak_memory(cuda)
    block = torch.ones(10_000_000, dtype=torch.uint8, device=cuda)
    synchronize(cuda)
    assert peak_memory(cuda) >= before + block.numel()
    assert resolve_dtype("auto", cuda) in (torch.bfloat16, torch.float32)
    assert torch.cuda.get_device_name(0) in describe_machine()["gpus"]
    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(2**50, dtype=torch.uint8, device=cuda)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("text", ["", "one", "-1", "\u00b2"])
def test_a_local_rank_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", text)
    with pytest.raises(InputError, match="LOCAL_RANK is"):
        resolve_device("auto")


@pytest.mark.parametrize(
    ("cpuinfo", "capability", "has"),
    [
        ("flags : sse avx2 avx512_bf16", "AVX512", True),
        ("flags : amx_bf16 amx_tile", "AVX512", True),
        ("Features : fp asimd bf16", "DEFAULT", True),
        ("flags : sse avx2", "AVX2", False),
        ("flags : avx512f", "AVX512", False),
        ("", "AVX2", False),
        ("", "DEFAULT", None),
    ],
)
def test_bfloat16_on_a_processor_without_it_is_told(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str, capability: str, has: bool | None
) -> None:
    monkeypatch.setattr("visioncore.devices.precision.system_text", lambda path: cpuinfo)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    told = slow_precision(torch.bfloat16, CPU)
    assert (told is not None) == (has is False)
    assert slow_precision(torch.float32, CPU) is None
    assert slow_precision(torch.bfloat16, torch.device("cuda")) is None
    assert resolve_dtype("auto", CPU) == torch.float32
    expected = {True: "cpu yes", False: "cpu no (it is much slower", None: "cpu unknown"}[has]
    assert describe_machine()["bfloat16"].startswith(expected)
