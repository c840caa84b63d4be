/*
 * structs.c
 *		The table of records that a column's type can be; see structs.h.
 */
#include "structs.h"

static const struct struct_type struct_types[] = {
	[RECORD_DECIMAL] = {"io.debezium.data",
						"VariableScaleDecimal",
						"Variable scaled decimal",
						{{"scale", "int", NULL, false}, {"value", "bytes", NULL, false}}},
	[RECORD_POINT] = {"io.debezium.data.geometry",
					  "Point",
					  "Geometry (POINT)",
					  {{"x", "double", NULL, false},
					   {"y", "double", NULL, false},
					   {"wkb", "bytes", NULL, true},
					   {"srid", "int", NULL, true}}},
	[RECORD_GEOMETRY] = {"io.debezium.data.geometry",
						 "Geometry",
						 "Geometry",
						 {{"wkb", "bytes", NULL, false}, {"srid", "int", NULL, true}}},
	[RECORD_GEOGRAPHY] = {"io.debezium.data.geometry",
						  "Geography",
						  "Geography",
						  {{"wkb", "bytes", NULL, false}, {"srid", "int", NULL, true}}},
	[RECORD_SPARSE_VECTOR] = {"io.debezium.data",
							  "SparseDoubleVector",
							  "Sparse double vector",
							  {{"dimensions", "int", "int16", false},
							   {"vector", "array", NULL, false}}},
};

const struct struct_type *
struct_type(enum record_type record)
{
	return &struct_types[record];
}
