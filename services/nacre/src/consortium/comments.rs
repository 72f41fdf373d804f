//! What stands below a provider's configuration: settings that it may have, commented out.

/// What stands below a provider's configuration.
pub(super) const REGISTER_COMMENT: &str = "
# For records that say neither sex nor birth date: the register of people, comma-separated values with the header
# id,sex,birth-date or id,sex,birth-date,region. Its ids are those that the records name people by.
# people = \"people.csv\"
";

/// What stands below that.
pub(super) const GATEWAY_COMMENT: &str = "
# How `nacre provider serve` is reached, and takes FHIR in; these are the defaults. docs/install.md has the rest.
# [server]
# listen = \"127.0.0.1:8480\"
# [gateway]
# spool-key = \"spool.key\"
# grace-days = 5
# quiet-hours = 24
";

/// What stands below that; the custodians' addresses follow.
pub(super) const PSEUDONYMS_COMMENT: &str = "
# To name people by identity number, through the custodians, from a month on of which nothing was posted yet. The number
# is an identifier of these systems in FHIR, or the register's column identity-number.
# [pseudonyms]
# from = \"2026-01\"
# identity-systems = [\"urn:oid:2.16.156.10011.1.3\"]
";
