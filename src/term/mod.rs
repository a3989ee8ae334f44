//! Terms: the external term format, without I/O.
