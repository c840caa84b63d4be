-- Names that Avro does not take.
create schema "s-2"; create schema "ünï"; create schema "1x";
create table "Odd Name"("Id" int primary key, "weird-col" text, "sp ace" text, "1st" int, "ünï" text, "a.b" text, "_u" text, "$d" text, "q""uote" text, "back\slash" text, "日本語" text, "😀" text, "UPPER" text);
create table "s-2".tab(id int primary key, v text);
create table "ünï"."täb"(id int primary key, v text);
create table "1x"."2y"(id int primary key, v text);
create table "a.b"(id int primary key, v text);
create table "under_score"("under_score" int primary key, "x__y" text);
create table "k-ey"("the key" int, "2nd" int, v text, primary key ("the key", "2nd"));
create table sentinel(id int primary key);
