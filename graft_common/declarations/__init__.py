"""Declarations: what methods take, answer and need, said in XML beside the executable; plain values, no I/O."""
