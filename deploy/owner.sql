-- Run once by the image of PostgreSQL, when its volume is empty: the owner of the tables is neither
-- a superuser nor the role of the API, which the migrations make.
\set password `cat /run/secrets/owner/password`
CREATE ROLE cms_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE cms OWNER cms_owner;
