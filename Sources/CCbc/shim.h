// CBC's C interface (Debian: coinor-libcbc-dev). Linear programs only need a handful of its functions; see ProgramSolver.swift.
#pragma once
#include <Cbc_C_Interface.h>
