"""The synthetic corpus: singers and bands made from numbers, with stems and the true F0.

`draw_corpus` draws who sings what, `render` makes one song of it, `write_corpus` writes all of them.
"""

from singerid.config import CorpusConfig
from singerid.data.synthetic.cast import Album, Corpus, Singer, Song, draw_corpus
from singerid.data.synthetic.corpus import write_corpus
from singerid.data.synthetic.studio import Stems, render

__all__ = [
    "Album",
    "Corpus",
    "CorpusConfig",
    "Singer",
    "Song",
    "Stems",
    "draw_corpus",
    "render",
    "write_corpus",
]
