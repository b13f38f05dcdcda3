"""The synthetic corpus: singers and bands made from numbers, with stems and the true F0.

`draw_corpus` draws who sings what, `studio.render` renders one song, and `corpus.write_corpus` writes all
songs. The last two need SciPy, which takes a second to import, so they are imported from their own modules.
"""

from singerid.config import CorpusConfig
from singerid.data.synthetic.cast import Album, Corpus, Singer, Song, draw_corpus

__all__ = ["Album", "Corpus", "CorpusConfig", "Singer", "Song", "draw_corpus"]
