"""The rank of this process among those that compute together, and how they combine their tensors.

The processes form a group of `torch.distributed`, started by `singerid.system.launching`.
"""

from dataclasses import dataclass

from torch import Tensor, distributed


@dataclass(frozen=True)
class Ranks:
    """One of the processes that compute together; only the first one reports and saves.

    Attributes:
        number: number of this process, from 0; the processes of the first machine come first.
        devices: number of processes on each machine, each with a device of its own.
        nodes: number of machines.
    """

    number: int = 0
    devices: int = 1
    nodes: int = 1

    @property
    def count(self) -> int:
        """Number of all processes on all machines."""
        return self.devices * self.nodes

    def rows(self, count: int) -> slice:
        """This process's share of `count` rows; the shares differ by one row at most, the first are larger.

        If there are fewer rows than processes, each process gets all rows, so that none has nothing to do.

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
        """The sum of the tensors of all processes, written into `tensor`."""
        if self.count > 1:
            distributed.all_reduce(tensor, distributed.ReduceOp.SUM)
        return tensor

    def largest_of(self, tensor: Tensor) -> Tensor:
        """The element-wise maximum of the tensors of all processes, written into `tensor`."""
        if self.count > 1:
            distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return tensor

    def of_first(self, tensor: Tensor) -> Tensor:
        """The first process's tensor, written into `tensor`; the shapes must be equal."""
        if self.count > 1:
            distributed.broadcast(tensor, src=0)
        return tensor


ALONE = Ranks()
"""A process that computes alone."""
