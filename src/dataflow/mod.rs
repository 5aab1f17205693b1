//! Views as timely and differential dataflow: the only room that names them.
