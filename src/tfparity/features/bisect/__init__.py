"""Which package is to blame where a case works on one toolchain and not on another."""
