-- Tables that a later build added and that were filled once from what earlier builds took in.
CREATE TABLE filled (
    name TEXT NOT NULL PRIMARY KEY -- name of the table
) STRICT, WITHOUT ROWID;
