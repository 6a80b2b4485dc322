"""Aligned memory is zeros of any shape, and is told from other memory."""

import pytest

from skmm._memory import ALIGNMENT, aligned, check_room, is_aligned


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16", "int32", "bool"])
def test_memory_is_zeros_at_a_round_address(shape, dtype):
    array = aligned(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert not array.any()
    assert array.ctypes.data % ALIGNMENT == 0 or not array.size
    assert array.flags.writeable


def test_what_cannot_be_lent_is_told():
    array = aligned((64, 16), "float32")
    assert is_aligned(array)
    assert is_aligned(array[1:])  # a row of 64 bytes
    assert not is_aligned(array[:, 1:])
    assert not is_aligned(array.T)
    assert not is_aligned(array.ravel()[1:])
    array.flags.writeable = False
    assert not is_aligned(array)


def test_what_no_machine_holds_is_refused(monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 1000)
    check_room(10**6, "It")
    with pytest.raises(MemoryError, match=r"It takes 0\.002 GB.*has 0\.001 GB: give"):
        check_room(2 * 10**6, "It")
