//! The checkers are tested themselves: with histories written by hand, with generated ones that are right, and with those
//! same ones after something was broken in them.

mod by_hand;
mod generated;
mod generator;
mod mutations;
mod saved;
