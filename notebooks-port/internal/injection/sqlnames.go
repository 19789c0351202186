package injection

import "strings"

var logical = set("or", "and", "xor", "not", "having", "where", "when", "rlike", "like", "select", "if", "by")

var sysVariables = set("@@version", "@@hostname", "@@datadir", "@@basedir", "@@servername", "@@spid", "@@user")

// strong are functions of databases whose names mean nothing elsewhere.
var strong = set("extractvalue", "updatexml", "load_file", "xmltype", "ctxsys.drithsx.sn", "group_concat", "sys_eval", "sys_exec", "geometrycollection",
	"multipoint", "multilinestring", "multipolygon", "polygon", "linestring", "gtid_subset", "gtid_subtract", "st_latfromgeohash", "st_longfromgeohash",
	"st_pointfromgeohash", "json_keys", "name_const", "make_set", "export_set", "regexp_substring", "crypt_key", "randomblob", "zeroblob", "generate_series", "load_extension",
	"openrowset", "opendatasource", "openquery", "fn_virtualfilestats", "fn_xe_file_target_read_file", "xmlelement", "xmlagg", "query_to_xml",
	"database_to_xml", "current_setting", "lo_import", "lo_export", "db_name", "object_id", "col_name", "host_name", "suser_name", "suser_sname", "is_srvrolemember", "hex_to_raw", "rawtohex", "unhex", "uuid_short", "sp_executesql", "pg_read_file", "pg_ls_dir", "pg_sleep_for", "dblink", "dblink_connect", "bulk_insert")

// functions are functions of databases that other languages have too.
var functions = set("ascii", "ord", "char", "chr", "nchar", "mid", "substr", "substring", "substring_index", "left", "right", "lower", "upper", "length", "len", "char_length",
	"concat", "concat_ws", "string_agg", "array_agg", "listagg", "wm_concat", "hex", "bin", "conv", "cast", "convert", "to_char", "to_number", "nvl", "nvl2", "decode", "coalesce", "ifnull", "isnull", "nullif",
	"version", "database", "schema", "user", "current_user", "session_user", "system_user", "current_database", "connection_id", "row_count", "found_rows", "last_insert_id",
	"elt", "field", "find_in_set", "exp", "floor", "rand", "round", "pow", "power", "count", "min", "max", "sum", "avg", "repeat", "replicate", "space", "reverse", "replace", "strcmp", "instr", "locate", "position", "unicode", "trim", "ltrim", "rtrim", "lpad", "rpad", "soundex", "md5", "sha1", "sha", "sha2", "password", "old_password", "encode", "aes_encrypt", "compress", "row", "exists", "sleep", "benchmark", "bit_and", "bit_or", "bit_xor", "std", "stddev", "variance", "sqlite_version", "typeof", "quote", "likelihood", "pg_sleep", "pg_read_file", "pg_ls_dir", "pg_reload_conf", "pg_current_logfile", "case", "select", "upper", "json_extract", "json_array", "xmlquery", "extract", "chr2", "dump", "greatest", "least", "interval", "format", "insert", "regexp_replace", "regexp_like", "regexp_count", "translate", "to_date", "sysdate", "now", "current_timestamp", "iif", "if", "not")

// sysNames begin or are the names of the tables in which databases describe
// themselves.
var sysNames = []string{"information_schema", "sysobjects", "syscolumns", "sysusers", "sysdatabases", "syslogins", "sqlite_master", "sqlite_schema", "pg_catalog", "pg_tables", "pg_user", "pg_shadow", "pg_database", "pg_stat_", "pg_class",
	"all_tables", "all_users", "all_tab_columns", "user_tables", "user_tab_columns", "user_objects", "dba_users", "dba_tables", "sysibm", "syscat.", "msysobjects", "msysaccessobjects", "rdb$", "mysql.user", "v$version", "v$session", "v$parameter", "innodb_table_stats", "xp_cmdshell", "xp_dirtree", "xp_fileexist", "xp_regread", "sp_password", "sp_executesql", "sp_oacreate", "sp_makewebtask", "domain.domains", "domain.tables", "domain.columns", "waitfor delay"}

func sysNamed(s string) bool {
	if len(s) < 4 {
		return false
	}
	low := s
	if hasUpper(s) {
		low = strings.ToLower(s)
	}
	for _, n := range sysNames {
		if strings.Contains(low, n) {
			return true
		}
	}
	return false
}
