//! What the fuzz targets call with bytes of their choice: nothing may panic, whatever comes.
