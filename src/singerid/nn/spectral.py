"""Convolution with long kernels by the Fourier transform.

Letters in shapes: B batch, C channels in, D channels out, N positions, K kernel positions.
"""

from torch import Tensor, fft, nn


class SpectralConv1d(nn.Module):
    """An `nn.Conv2d` over one axis, for inference; many times faster if its kernel is long.

    Equal to the convolution except for rounding. For a stride, positions are split into phases
    (polyphase form), which become channels.

    Args:
        conv: with a kernel of (K, 1), without padding, dilation and groups; K is a multiple of its stride.
        positions: N, of the inputs; a multiple of the stride.

    Raises:
        ValueError: the convolution or the positions do not meet these conditions.
    """

    spectrum: Tensor

    def __init__(self, conv: nn.Conv2d, positions: int) -> None:
        super().__init__()
        kernel, stride = conv.kernel_size[0], conv.stride[0]
        if (
            conv.kernel_size[1] != 1
            or conv.padding != (0, 0)
            or conv.dilation != (1, 1)
            or conv.groups != 1
            or kernel % stride
            or positions % stride
        ):
            raise ValueError(f"cannot be done by the Fourier transform over {positions} positions: {conv}")
        self.stride = stride
        self.outputs = (positions - kernel) // stride + 1
        # Values that wrap around fall outside of the outputs. Multiples of 16 are quick to transform.
        self.length = -(-(positions // stride) // 16) * 16
        phases = self._phases(conv.weight.detach()[..., 0])  # (D, stride C, K / stride)
        # Conjugate, because a network's convolution is a correlation: (frequencies, stride C, D).
        spectrum = fft.rfft(phases, self.length).conj().permute(2, 1, 0).resolve_conj().contiguous()
        self.register_buffer("spectrum", spectrum)
        self.bias = conv.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, N, 1) to (B, D, 1 + (N - K) / stride, 1)."""
        spectrum = fft.rfft(self._phases(x[..., 0]), self.length).permute(2, 0, 1) @ self.spectrum
        response: Tensor = fft.irfft(spectrum.permute(1, 2, 0), self.length)[..., : self.outputs, None]
        return response if self.bias is None else response + self.bias[:, None, None]

    def _phases(self, x: Tensor) -> Tensor:
        """(B, C, N) to (B, C stride, N / stride)."""
        batch, channels, positions = x.shape
        split = x.reshape(batch, channels, positions // self.stride, self.stride)
        return split.transpose(2, 3).reshape(batch, channels * self.stride, -1)
