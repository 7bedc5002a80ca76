; The last file: behind all bytes.
:end
