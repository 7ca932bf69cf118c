//! The client against nodes that a test plays itself: they can do what a real one cannot.

mod closing;
mod deadlines;
mod fake;
mod hammer;
mod hostile;
mod pieces;
mod reconnecting;
mod recorder;
mod replies;
mod tls;
