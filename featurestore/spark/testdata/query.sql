WITH sluice_windows AS (
  SELECT win, begins, ends, explode(sequence(begins div 3600, (ends - 1) div 3600)) AS window_hour
  FROM VALUES
    (0, '2024-08', '2024-08', 1722470400L, 1725148800L)
    AS v(win, attack, month, begins, ends)
),
sluice_source AS (
    SELECT *,
      coalesce(own_is_api_request, coalesce(uri_path LIKE '/w/api.php%' OR uri_path LIKE '/w/rest.php%' OR uri_path RLIKE '^/api/rest_v[0-9]', FALSE)
        OR coalesce(uri_host = 'api.wikimedia.org'
          OR uri_host = 'query.wikidata.org' AND uri_path LIKE '/bigdata/namespace/wdq/sparql%'
          OR uri_host = 'commons-query.wikimedia.org' AND uri_path LIKE '/sparql%'
          OR uri_host = 'stream.wikimedia.org' AND uri_path LIKE '/v2/stream%', FALSE)) AS is_api_request,
      coalesce(own_is_pageview, coalesce(http_status IN ('200', '304') AND length(regexp_replace(lower(uri_host), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '')) <= 800 AND regexp_replace(lower(uri_host), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '') RLIKE '\\A(?:(?:advisory|commons|foundation|incubator|meta|outreach|species|strategy|usability|wikimania|wikitech|(?!doc\\.)[a-z]{2,3})\\.(?:(?:m|mobile|wap|zero)\\.)?wikimedia|(?:(?!www|donate|arbcom|sysop)[a-z][a-z0-9_-]*\\.)*(?:wikibooks|wikinews|wikipedia|wikiquote|wikisource|wiktionary|wikiversity|wikivoyage)|(?:(?!test|query)[a-z0-9_-]+\\.)*(?:wikifunctions|wikidata|mediawiki|wikimediafoundation))\\.org\\.?\\z'
        AND CASE WHEN regexp_replace(regexp_extract(coalesce(x_analytics, ''), '(?s)\\A(?:.*;)?special(?:=([^;]*))?(?:;.*)?\\z', 1), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '') = '' AND regexp_replace(regexp_extract(coalesce(x_analytics, ''), '(?s)\\A(?:.*;)?preview(?:=([^;]*))?(?:;.*)?\\z', 1), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '') = '' AND regexp_replace(regexp_extract(coalesce(x_analytics, ''), '(?s)\\A(?:.*;)?debug(?:=([^;]*))?(?:;.*)?\\z', 1), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '') = '' THEN TRUE
          WHEN regexp_replace(regexp_extract(coalesce(x_analytics, ''), '(?s)\\A(?:.*;)?preview(?:=([^;]*))?(?:;.*)?\\z', 1), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '') = '1' OR regexp_replace(regexp_extract(coalesce(x_analytics, ''), '(?s)\\A(?:.*;)?debug(?:=([^;]*))?(?:;.*)?\\z', 1), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '') = '1' THEN FALSE
          ELSE lower(regexp_replace(regexp_extract(coalesce(x_analytics, ''), '(?s)\\A(?:.*;)?special(?:=([^;]*))?(?:;.*)?\\z', 1), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '')) IN ('search', 'recentchanges', 'version', 'viewobject', 'allevents') END
        AND CASE WHEN coalesce(contains(user_agent, 'WikipediaApp'), FALSE) THEN regexp_replace(regexp_extract(coalesce(x_analytics, ''), '(?s)\\A(?:.*;)?pageview(?:=([^;]*))?(?:;.*)?\\z', 1), '\\A[\\x00-\\x20]+|[\\x00-\\x20]+\\z', '') = '1'
          ELSE content_type IN ('text/html', 'text/html; charset=iso-8859-1', 'text/html; charset=ISO-8859-1', 'text/html; charset=utf-8', 'text/html; charset=UTF-8')
            AND NOT contains(coalesce(uri_path, ''), 'api.php')
            AND (coalesce(uri_path RLIKE '\\A/(?:w|wiki|v|view|sr|sr-e[cl]|zh|zh-cn|zh-hans|zh-hant|zh-hk|zh-mo|zh-my|zh-sg|zh-tw)/', FALSE) OR coalesce(uri_query RLIKE '\\?(?:title|curid|oldid|search)=', FALSE))
            AND NOT contains(coalesce(uri_query, ''), 'action=edit') AND NOT contains(coalesce(uri_query, ''), 'action=submit') END, FALSE)) AS is_pageview,
      coalesce(CASE WHEN own_access_method NOT IN ('', '-') THEN own_access_method END, CASE WHEN coalesce(user_agent RLIKE 'WikipediaApp|Wikipedia/5.0.', FALSE) THEN 'mobile app' WHEN coalesce(uri_host RLIKE '(?:\\A|\\.)(?:m|zero|wap|mobile)\\.', FALSE) THEN 'mobile web' ELSE 'desktop' END) AS access_method,
      coalesce(CASE WHEN own_agent_type NOT IN ('', '-') THEN own_agent_type END, CASE WHEN user_agent IS NULL OR user_agent = '-' OR user_agent RLIKE '(?i)^(?:.*(?:appengine|appledictionaryservice|bot|facebook|google-http-java-client|http|phantomjs|python-requests|python-urllib|rockpeaks|spider|wordpress|yahoo).*|(?:\\.net|admantx|apache|blackboard safeassign|check_http|com\\.eusoft|curl|damn small xss|faraday|find-link|fsresearchit|github|goo wikipedia|httpc|httpunit|inaturalist|j\\. river|jakarta|java/|lagotto|libwww|livedoor|lwp|magnus|mediawiki|mediawikicrawler-google|meetingroomapp|microsoft monitoring|mld|nodemw|peggo|php/|projectplan9|pycurl|python|recuweb|ruby|scrapy|twisted|user:|user_talk:|wget|wikidemo|wikiwix-bot|winhttpraw|zend|tools.wmflabs.org).*|\\S[^\\s@]*@\\S+\\.[a-z]{2}.*)$'
        OR octet_length(encode(user_agent, 'UTF-16BE')) <= 800 AND (user_agent RLIKE '(?i)^.{0,100}?(?:(?:iPhone|Windows CE|Windows Phone|Android).{0,300}(?:(?:Bot|Yeti)-Mobile|YRSpider|BingPreview|bots?/\\d|(?:bot|spider)\\.html)|AdsBot-Google-Mobile.{0,200}iPhone)'
          OR user_agent RLIKE '(?i)^.{0,100}?(?:DoCoMo|\\bMOT\\b|\\bLG\\b|Nokia|Samsung|SonyEricsson).{0,200}(?:(?:Bot|Yeti)-Mobile|bots?/\\d|(?:bot|crawler)\\.html|(?:jump|google|Wukong)bot|ichiro/mobile|/spider|YahooSeeker)'
          OR user_agent RLIKE ' PTST/\\d+(?:\\.\\d+|)$'
          OR user_agent RLIKE 'X11; Datanyze; Linux'
          OR user_agent RLIKE 'Mozilla.{1,100}Mobile.{1,100}(AspiegelBot|PetalBot)'
          OR user_agent RLIKE 'Mozilla.{0,200}(AspiegelBot|PetalBot)'
          OR user_agent RLIKE '(?i)^.{0,100}(bot|BUbiNG|zao|borg|DBot|oegp|silk|Xenu|zeal|^NING|CCBot|crawl|htdig|lycos|slurp|teoma|voila|yahoo|Sogou|CiBra|Nutch|^Java/|^JNLP/|Daumoa|Daum|Genieo|ichiro|larbin|pompos|Scrapy|snappy|speedy|spider|msnbot|msrbot|vortex|^vortex|crawler|favicon|indexer|Riddler|scooter|scraper|scrubby|WhatWeb|WinHTTP|bingbot|BingPreview|openbot|gigabot|furlbot|polybot|seekbot|^voyager|archiver|Icarus6j|mogimogi|Netvibes|blitzbot|altavista|charlotte|findlinks|Retreiver|TLSProber|WordPress|SeznamBot|ProoXiBot|wsr\\-agent|Squrl Java|EtaoSpider|PaperLiBot|SputnikBot|A6\\-Indexer|netresearch|searchsight|baiduspider|YisouSpider|ICC\\-Crawler|http%20client|Python-urllib|dataparksearch|converacrawler|Screaming Frog|AppEngine-Google|YahooCacheSystem|fast\\-webcrawler|Sogou Pic Spider|semanticdiscovery|Innovazion Crawler|facebookexternalhit|Google.{0,200}/\\+/web/snippet|Google-HTTP-Java-Client|BlogBridge|IlTrovatore-Setaccio|InternetArchive|GomezAgent|WebThumbnail|heritrix|NewsGator|PagePeeker|Reaper|ZooShot|holmes|NL-Crawler|Pingdom|StatusCake|WhatsApp|masscan|Google Web Preview|Qwantify|Yeti|OgScrper|RecipeRadar)') THEN 'spider' ELSE 'user' END) AS agent_type,
      coalesce(CASE WHEN own_referer_class NOT IN ('', '-') THEN own_referer_class END, CASE WHEN referer NOT IN ('', '-') THEN 'unknown' ELSE 'none' END) AS referer_class
    FROM (SELECT CASE WHEN `dt` RLIKE '\\A[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z\\z' THEN CAST(unix_date(try_cast(substr(`dt`, 1, 10) AS DATE)) AS BIGINT) * 86400 + CAST(substr(`dt`, 12, 2) AS INT) * 3600 + CAST(substr(`dt`, 15, 2) AS INT) * 60 + CAST(substr(`dt`, 18, 2) AS INT)
        WHEN `dt` RLIKE '\\A[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[.,][0-9]+)?(?: ?(?:Z|z|UTC|GMT|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?\\z' THEN CAST(unix_date(try_cast(substr(`dt`, 1, 10) AS DATE)) AS BIGINT) * 86400 + CAST(substr(`dt`, 12, 2) AS INT) * 3600 + CAST(substr(`dt`, 15, 2) AS INT) * 60 + CAST(substr(`dt`, 18, 2) AS INT)
        - CASE WHEN length(`dt`) <= 20 OR regexp_extract(`dt`, '([+-])([0-9]{2}):?([0-9]{2})?\\z', 1) = '' THEN 0 ELSE CAST(concat(regexp_extract(`dt`, '([+-])([0-9]{2}):?([0-9]{2})?\\z', 1), '1') AS BIGINT) * (CAST(regexp_extract(`dt`, '([+-])([0-9]{2}):?([0-9]{2})?\\z', 2) AS BIGINT) * 3600 + coalesce(try_cast(regexp_extract(`dt`, '([+-])([0-9]{2}):?([0-9]{2})?\\z', 3) AS BIGINT), 0) * 60) END END AS t,
        `ip` AS ip_text,
        `cache_status` AS cache_status,
        CASE WHEN `http_status` LIKE '%.0' THEN substr(`http_status`, 1, length(`http_status`) - 2) ELSE `http_status` END AS http_status,
        `response_size` AS response_size,
        `http_method` AS http_method,
        `uri_host` AS uri_host,
        `uri_path` AS uri_path,
        CASE WHEN `uri_query` LIKE '?%' THEN `uri_query` WHEN `uri_query` NOT IN ('', '-') THEN concat('?', `uri_query`) END AS uri_query,
        `content_type` AS content_type,
        `referer` AS referer,
        `user_agent` AS user_agent,
        `accept_language` AS accept_language,
        `x_analytics` AS x_analytics,
        `is_pageview` AS own_is_pageview,
        `is_api_request` AS own_is_api_request,
        `access_method` AS own_access_method,
        `agent_type` AS own_agent_type,
        `referer_class` AS own_referer_class
      FROM wmf.webrequest
      WHERE webrequest_source = 'text' AND (year = 2024 AND month = 8))
),
sluice_address_1 AS (
  SELECT *,
      CASE WHEN ip_text LIKE '%:%' THEN CASE WHEN ip_text LIKE '%.%' THEN
        CASE WHEN ip_text RLIKE ':(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\z' THEN lower(concat(substr(ip_text, 1, length(ip_text) - length(substring_index(ip_text, ':', -1))), hex(CAST(split_part(substring_index(ip_text, ':', -1), '.', 1) AS BIGINT) * 256 + CAST(split_part(substring_index(ip_text, ':', -1), '.', 2) AS BIGINT)), ':', hex(CAST(split_part(substring_index(ip_text, ':', -1), '.', 3) AS BIGINT) * 256 + CAST(split_part(substring_index(ip_text, ':', -1), '.', 4) AS BIGINT)))) END
        ELSE lower(ip_text) END END AS ip6
  FROM sluice_source
),
sluice_address_2 AS (
  SELECT *,
      CASE WHEN ip6 RLIKE '\\A(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?!(?:.*?[0-9a-f](?::|\\z)){8})(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?)\\z' THEN regexp_replace(concat(':', replace(ip6, '::', concat(':', repeat('0:', 8 - length(regexp_replace(regexp_replace(ip6, '[0-9a-f]+', 'x'), ':', ''))))), ':'), '::', ':') END AS ip6_groups
  FROM sluice_address_1
),
sluice_address_3 AS (
  SELECT *,
      CASE WHEN ip6_groups IS NOT NULL THEN concat('6', replace(regexp_replace(regexp_replace(regexp_replace(ip6_groups, ':(?=.:)', ':000'), ':(?=..:)', ':00'), ':(?=...:)', ':0'), ':', '')) END AS ip6_key
  FROM sluice_address_2
),
sluice_address_4 AS (
  SELECT *,
      CASE WHEN ip6_key LIKE '600000000000000000000ffff%' THEN concat_ws('.', conv(substr(ip6_key, 26, 2), 16, 10), conv(substr(ip6_key, 28, 2), 16, 10), conv(substr(ip6_key, 30, 2), 16, 10), conv(substr(ip6_key, 32, 2), 16, 10))
      WHEN ip6_key IS NOT NULL THEN ip6_key
      WHEN ip_text RLIKE '\\A(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\z' THEN ip_text END AS address
  FROM sluice_address_3
),
sluice_requests AS (
  SELECT /*+ BROADCAST(w) */ w.win, r.*, CASE WHEN user_agent NOT IN ('', '-') THEN user_agent ELSE '' END AS agent
  FROM sluice_address_4 r
  JOIN sluice_windows w ON w.window_hour = r.t div 3600 AND r.t >= w.begins AND r.t < w.ends
  WHERE NOT (r.address IS NULL)
    AND NOT (NOT (coalesce(r.http_status IN ('200', '301', '302', '304', '400', '403', '404', '429', '500', '503'), FALSE) OR coalesce(r.http_status, '') RLIKE '\\A(?:[0-9]{3}|[0-9-][0-9]|[0-9-])?\\z'))
    AND NOT (coalesce(r.response_size < 0, FALSE))
    AND NOT (NOT coalesce(r.cache_status IN ('int-front', 'miss', 'pass'), FALSE))
    AND NOT (coalesce(r.is_api_request, FALSE))
),
sluice_rows AS (
  SELECT win, address,
    count(*) AS request_count,
    CAST(sum(CAST(response_size AS DECIMAL(20, 0))) AS DOUBLE) / nullif(count(response_size), 0) AS response_size_mean,
    count(DISTINCT uri_query) AS uri_query_count,
    CAST(count_if(referer NOT IN ('', '-')) AS DOUBLE) / nullif(count(*), 0) AS not_null_referer_ratio,
    count(DISTINCT agent) AS user_agent_count,
    CAST(count_if(accept_language NOT IN ('', '-')) AS DOUBLE) / nullif(count(*), 0) AS not_null_accept_language_ratio,
    CAST(count_if(is_pageview) AS DOUBLE) / nullif(count(is_pageview), 0) AS is_pageview_ratio,
    CAST(count_if(access_method = 'desktop') AS DOUBLE) / nullif(count(access_method), 0) AS desktop_ratio,
    CAST(count_if(access_method = 'mobile web') AS DOUBLE) / nullif(count(access_method), 0) AS mobile_web_ratio,
    CAST(count_if(access_method = 'mobile app') AS DOUBLE) / nullif(count(access_method), 0) AS mobile_app_ratio,
    CAST(count_if(referer_class <> 'none') AS DOUBLE) / nullif(count(referer_class), 0) AS not_null_referer_class_ratio,
    CAST(count_if(agent_type = 'spider') AS DOUBLE) / nullif(count(agent_type), 0) AS spider_ratio
  FROM sluice_requests
  GROUP BY win, address
),
sluice_text_1 AS (
  SELECT *, CASE WHEN address NOT LIKE '%.%' THEN regexp_replace(regexp_replace(substr(address, 2), '(....)', ':$1'), ':0{1,3}', ':') || ':' END AS ip_groups
  FROM sluice_rows
),
sluice_text_2 AS (
  SELECT *, CASE
        WHEN ip_groups RLIKE ':0(?::0){7}:' THEN regexp_replace(ip_groups, '^(.*?):0(?::0){7}:(.*)$', '$1::$2')
        WHEN ip_groups RLIKE ':0(?::0){6}:' THEN regexp_replace(ip_groups, '^(.*?):0(?::0){6}:(.*)$', '$1::$2')
        WHEN ip_groups RLIKE ':0(?::0){5}:' THEN regexp_replace(ip_groups, '^(.*?):0(?::0){5}:(.*)$', '$1::$2')
        WHEN ip_groups RLIKE ':0(?::0){4}:' THEN regexp_replace(ip_groups, '^(.*?):0(?::0){4}:(.*)$', '$1::$2')
        WHEN ip_groups RLIKE ':0(?::0){3}:' THEN regexp_replace(ip_groups, '^(.*?):0(?::0){3}:(.*)$', '$1::$2')
        WHEN ip_groups RLIKE ':0(?::0){2}:' THEN regexp_replace(ip_groups, '^(.*?):0(?::0){2}:(.*)$', '$1::$2')
        WHEN ip_groups RLIKE ':0(?::0){1}:' THEN regexp_replace(ip_groups, '^(.*?):0(?::0){1}:(.*)$', '$1::$2')
        ELSE ip_groups END AS ip_short
  FROM sluice_text_1
),
sluice_text_3 AS (
  SELECT *, CASE WHEN address LIKE '%.%' THEN address ELSE regexp_replace(regexp_replace(ip_short, '^:(?!:)', ''), '(?<!:):$', '') END AS ip
  FROM sluice_text_2
)
SELECT n.month, n.attack, r.ip, r.request_count, r.response_size_mean, r.uri_query_count, r.not_null_referer_ratio, r.user_agent_count, r.not_null_accept_language_ratio, r.is_pageview_ratio, r.desktop_ratio, r.mobile_web_ratio, r.mobile_app_ratio, r.not_null_referer_class_ratio, r.spider_ratio,
  CAST(NULL AS BOOLEAN) AS abuseipdb_isReported
FROM sluice_text_3 r
JOIN VALUES
    (0, '2024-08', '2024-08', 1722470400L, 1725148800L)
    AS n(win, attack, month, begins, ends) ON n.win = r.win
