"""`singerid serve`: a library as a page in the browser, and the API that the page uses (extra `[web]`)."""
