package injection

import "strings"

// secret reports whether a decoded path names a file that no site means to
// serve.
func secret(path string) (technique string, ok bool) {
	low := strings.ToLower(path)
	base := low[strings.LastIndexByte(low, '/')+1:]
	switch {
	case strings.HasPrefix(base, ".env"), strings.HasSuffix(base, ".env"):
		return "environment file", true
	case strings.Contains(low, "/.git/"), strings.Contains(low, "/.svn/"), strings.Contains(low, "/.hg/"), strings.HasSuffix(low, "/.git"), strings.Contains(low, "/.bzr/"):
		return "repository", true
	case strings.HasPrefix(base, "wp-config") && base != "wp-config-sample.php", strings.HasPrefix(base, "configuration.php"), strings.HasPrefix(base, "local.settings"), base == "appsettings.json", base == "parameters.yml", base == "application.properties", base == "application.yml", base == "secrets.json", base == "credentials.json", base == "config.php.bak", base == "web.config", base == "docker-compose.yml", base == "settings.py", base == "database.yml", base == "credentials", base == "secrets.yml":
		return "configuration", true
	case base == "id_rsa", base == "id_dsa", base == "id_ed25519", strings.HasSuffix(base, ".pem"), strings.HasSuffix(base, ".ppk"), strings.HasSuffix(base, ".key") && !strings.Contains(base, "keynote"), base == ".htpasswd", base == ".npmrc", base == ".pgpass":
		return "key or password", true
	case strings.HasSuffix(base, ".sql"), strings.HasSuffix(base, ".sql.gz"), strings.HasSuffix(base, ".bak"), strings.HasSuffix(base, ".old"), strings.HasSuffix(base, ".swp"), strings.HasSuffix(base, ".save"), strings.HasSuffix(base, "~"), archive(base):
		return "backup", true
	case strings.Contains(low, "/actuator/env"), strings.Contains(low, "/actuator/heapdump"), strings.Contains(low, "/debug/pprof"), base == "server-status", base == "server-info", base == "phpinfo.php", base == "phpinfo", base == "info.php", strings.Contains(low, "/telescope/requests"), strings.Contains(low, "/_profiler"), strings.Contains(low, "/.aws/"), strings.Contains(low, "/.ssh/"), strings.Contains(low, "/.docker/"), strings.Contains(low, "/.kube/"), base == ".ds_store", strings.Contains(low, "/_cat/"), base == "jmx-console":
		return "status or state", true
	}
	word := ""
	hiddenFiles().find(low, func(w string, end int) bool {
		start := end - len(w)
		// A whole piece of the path, or the end of the base's name.
		if (start > 0 && low[start-1] == '/' || w[0] == '/') && (end == len(low) || w[len(w)-1] == '/' || low[end] == '/' || w[0] == '.' || low[end] == '.') && strings.Contains(w, ".") {
			word = w
			return false
		}
		return true
	})
	if word != "" && !strings.HasPrefix(word, "readme") && !strings.HasSuffix(word, ".md") && !strings.HasPrefix(word, ".well-known") {
		return "file that is not served", true
	}
	return "", false
}

func archive(base string) bool {
	for _, ext := range [...]string{".zip", ".tar.gz", ".tgz", ".rar", ".7z", ".tar"} {
		if stem, ok := strings.CutSuffix(base, ext); ok {
			switch stem {
			case "backup", "www", "wwwroot", "site", "website", "web", "html", "public_html", "db", "database", "dump", "src", "source", "code", "old", "home", "htdocs", "root", "data", "bak", "archive", "config", "app", "application":
				return true
			}
		}
	}
	return false
}

// products are paths of products known for their holes.
var products = newMatcher([]string{"/vendor/phpunit/", "/boaform/", "/hnap1", "/gponform/", "/cgi-bin/luci", "/cgi-bin/", "/manager/html", "/solr/admin", "/_ignition/", "/owa/auth", "/ecp/", "/remote/fgt_lang", "/remote/login", "/dana-na/", "/autodiscover/", "/console/login", "/hudson", "/phpmyadmin", "/pma/", "/myadmin", "/adminer", "/wp-login.php", "/xmlrpc.php", "/wp-admin/", "/wp-includes/wlwmanifest.xml", "/eval-stdin.php", "/setup.cgi", "/shell", "/webshell", "/c99.php", "/r57.php", "/alfa", "/wso.php", "/struts", "/geoserver/", "/actuator", "/jenkins", "/druid/", "/nacos/", "/portal/redlion", "/sdk", "/+cscoe+/", "/global-protect/", "/ssl-vpn/", "/api/sonicos", "/goform/", "/currentsetting.htm", "/tmui/login.jsp", "/mgmt/tm/", "/aspnet_client", "/_vti_bin", "/evox/", "/nmaplowercheck", "/systembc/", "/filemanager", "/ckeditor/filemanager", "/telescope", "/containers/json", "/v1/agent/self", "/api/v1/pods", "/api/jsonws", "/invoker/"})

// product reports whether a path belongs to a product known for its holes. On
// a site that runs the product it is an ordinary path: only the answers tell.
func product(path string) bool {
	hit := false
	products.find(path, func(w string, end int) bool {
		start := end - len(w)
		if start == 0 || w == "/wp-login.php" || w == "/xmlrpc.php" || w == "/vendor/phpunit/" || w == "/eval-stdin.php" || w == "/wp-includes/wlwmanifest.xml" || w == "/wp-admin/" {
			hit = w[len(w)-1] == '/' || end == len(path) || !isLetter(path[end])
		}
		return !hit
	})
	return hit
}

// documentation reports whether a decoded path is one of an API's description.
func documentation(path string) (technique string, ok bool) {
	low := strings.ToLower(path)
	switch {
	case strings.Contains(low, "swagger"):
		return "Swagger", true
	case strings.Contains(low, "openapi.") || strings.HasSuffix(low, "/openapi"), strings.Contains(low, "/api-doc"), strings.Contains(low, "/api_docs"), strings.Contains(low, "/apidocs"):
		return "OpenAPI", true
	case strings.Contains(low, "/redoc"), strings.Contains(low, "/rapidoc"), strings.Contains(low, "/scalar/"):
		return "ReDoc", true
	case strings.Contains(low, "/graphiql"), strings.HasSuffix(low, "/altair"), strings.HasSuffix(low, "/playground"):
		return "GraphiQL", true
	case low == "/docs", low == "/docs/", low == "/api/docs", low == "/api/docs/", low == "/docs/index.css", low == "/docs/favicon-32x32.png", low == "/docs/favicon-16x16.png", low == "/docs/oauth2-redirect.html", low == "/application.wadl", low == "/wsdl":
		return "page of an API's documentation", true
	}
	return "", false
}
