//! The one integration test binary. Every file beside this one is declared here.
