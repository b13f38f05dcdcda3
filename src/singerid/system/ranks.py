"""Which of the processes this one is that compute together, and what they tell each other.

They are a group of `torch.distributed`, which `singerid.system.launching` starts.
"""

from dataclasses import dataclass

from torch import Tensor, distributed


@dataclass(frozen=True)
class Ranks:
    """One of the processes that compute together; the first speaks for all.

    Attributes:
        number: of this one, from 0; those of the first machine come first.
        devices: processes on each machine, each with a device of its own.
        nodes: machines.
    """

    number: int = 0
    devices: int = 1
    nodes: int = 1

    @property
    def count(self) -> int:
        """Of all processes on all machines."""
        return self.devices * self.nodes

    def rows(self, count: int) -> slice:
        """Its rows among so many that all share: as equal as can be, the first ones have one more.

        Of fewer rows than there are processes, each has all: none is left with nothing to compute.

        >>> [Ranks(number, devices=3).rows(8) for number in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None)]
        >>> Ranks(2, devices=3).rows(2)
        slice(0, 2, None)
        """
        if count < self.count:
            return slice(0, count)
        each, more = divmod(count, self.count)
        first = self.number * each + min(self.number, more)
        return slice(first, first + each + (self.number < more))

    def sum_of(self, tensor: Tensor) -> Tensor:
        """The sum of the processes' tensors, in the memory of this one; of one process it is its own."""
        if self.count > 1:
            distributed.all_reduce(tensor, distributed.ReduceOp.SUM)
        return tensor

    def largest_of(self, tensor: Tensor) -> Tensor:
        """The largest values of the processes' tensors, likewise."""
        if self.count > 1:
            distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return tensor

    def of_first(self, tensor: Tensor) -> Tensor:
        """The first process's tensor, likewise; those of the others are as large."""
        if self.count > 1:
            distributed.broadcast(tensor, src=0)
        return tensor


ALONE = Ranks()
"""A process that computes for itself."""
