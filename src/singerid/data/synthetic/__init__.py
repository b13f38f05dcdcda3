"""The synthetic corpus: singers and bands made from numbers, with stems and the true F0.

`draw_corpus` draws who sings what, `studio.render` makes one song of it, `corpus.write_corpus` writes all of
them; both need SciPy, which takes a second to import, and are imported from there.
"""

from singerid.config import CorpusConfig
from singerid.data.synthetic.cast import Album, Corpus, Singer, Song, draw_corpus

__all__ = ["Album", "Corpus", "CorpusConfig", "Singer", "Song", "draw_corpus"]
