<?php
/**
 * Calls Sluice's scoring service over REST, with deadlines, retries and a token.
 * One file, PHP 8.1 or later, needs the curl and json extensions.
 *
 *     $sluice = new SluiceClient( 'http://127.0.0.1:8080' );
 *     $score = $sluice->getIpScore( '192.0.2.1' );  // null where the feed lacks it
 *     echo $score === null ? 'unknown' : $score['confidence'];
 */

/** An answer that is an error, or no answer: code 503 or 0 mean "ask again". */
class SluiceException extends RuntimeException {
	/**
	 * @param string $message What went wrong
	 * @param int $code HTTP status; 0 where there was no answer
	 * @param string $reason Reason from the service's closed list, as "INVALID"
	 * @param string $field The wrong field, or ""
	 */
	public function __construct( string $message, int $code, public readonly string $reason = '', public readonly string $field = '' ) {
		parent::__construct( $message, $code );
	}
}

class SluiceClient {
	private CurlHandle $curl;

	/**
	 * @param string $url Where the REST API is, without a slash at the end
	 * @param string $token Token to show, or ""
	 * @param float $timeout Seconds that one try may take
	 * @param int $tries How often a call is made that finds nobody or 503
	 */
	public function __construct(
		private string $url,
		private string $token = '',
		private float $timeout = 2.0,
		private int $tries = 4
	) {
		$this->curl = curl_init();
	}

	/**
	 * The stored score of an address, as the fields of IpScore; null where the
	 * loaded feed does not hold it.
	 */
	public function getIpScore( string $ip ): ?array {
		try {
			return $this->call( 'GET', '/v1/ips/' . rawurlencode( $ip ) );
		} catch ( SluiceException $e ) {
			if ( $e->getCode() === 404 && $e->reason === 'NOT_FOUND' ) {
				return null;
			}
			throw $e;
		}
	}

	/**
	 * One result an address, in order: "ip" and "status", and "ip_score" where
	 * there is one. Up to 1,000 addresses.
	 *
	 * @param string[] $ips
	 */
	public function lookupIps( array $ips ): array {
		return $this->call( 'POST', '/v1/ips:lookup', [ 'ips' => array_values( $ips ) ] )['results'];
	}

	/** Every score that a filter lets through, by address, page after page. */
	public function listIpScores( string $filter = '', int $pageSize = 1000 ): Generator {
		return $this->pages( '/v1/ips', [ 'filter' => $filter, 'page_size' => $pageSize ], 'ip_scores' );
	}

	/**
	 * What changed between the feed of a date, as "2024-08-30", and the newest.
	 */
	public function feedChanges( string $since ): Generator {
		return $this->pages( '/v1/feeds/latest:changes', [ 'since' => $since, 'page_size' => 10000 ], 'changes' );
	}

	/** The newest feed's descriptor: date, rows, sha256 and what else it tells. */
	public function latestFeed(): array {
		return $this->call( 'GET', '/v1/feeds/latest' );
	}

	/**
	 * Downloads a date's feed into a file, going on where an earlier try broke,
	 * and holds it against a SHA-256, as latestFeed gives it.
	 */
	public function downloadFeed( string $date, string $path, string $sha256 ): void {
		$part = "$path.$sha256.part";
		for ( $try = 1; ; $try++ ) {
			try {
				$this->download( $date, $part );
				break;
			} catch ( SluiceException $e ) {
				if ( $try >= 2 * $this->tries || !self::again( $e ) ) {
					throw $e;
				}
				usleep( self::backoff( $try ) );
			}
		}
		if ( hash_file( 'sha256', $part ) !== $sha256 ) {
			unlink( $part );
			throw new SluiceException( "the feed of $date does not match its SHA-256", 0, 'CORRUPT' );
		}
		rename( $part, $path );
	}

	/**
	 * The names of the features that the champion takes, in its order.
	 *
	 * @return string[]
	 */
	public function modelFeatures(): array {
		return array_column( $this->call( 'GET', '/v1/modelVersions/champion' )['features'], 'name' );
	}

	/**
	 * Scores rows of feature values; NAN or null is a missing value. In the
	 * answer the confidence of a row with an error is null.
	 *
	 * @param string[] $featureNames
	 * @param (float|null)[][] $rows Up to 10,000
	 */
	public function scoreRows( array $featureNames, array $rows, int $maxReasons = 0 ): array {
		$values = [];
		foreach ( $rows as $row ) {
			foreach ( $row as $v ) {
				$values[] = $v === null || is_nan( $v ) ? null : $v;
			}
		}
		return $this->call( 'POST', '/v1/rows:score', [
			'feature_names' => $featureNames, 'values' => $values, 'max_reasons' => $maxReasons,
		] );
	}

	private function pages( string $path, array $query, string $field ): Generator {
		do {
			$a = $this->call( 'GET', $path . '?' . http_build_query( $query ) );
			foreach ( $a[$field] as $one ) {
				yield $one;
			}
			$query['page_token'] = $a['next_page_token'] ?? '';
		} while ( $query['page_token'] !== '' );
	}

	private function call( string $method, string $path, ?array $body = null ): array {
		for ( $try = 1; ; $try++ ) {
			try {
				return $this->once( $method, $path, $body );
			} catch ( SluiceException $e ) {
				if ( $try >= $this->tries || !self::again( $e ) ) {
					throw $e;
				}
				usleep( self::backoff( $try ) );
			}
		}
	}

	private static function again( SluiceException $e ): bool {
		return $e->getCode() === 503 || ( $e->getCode() === 0 && $e->reason === '' );
	}

	/** Microseconds to wait: 0.1 s at first, twice as long each time, half of it by chance. */
	private static function backoff( int $try ): int {
		$most = min( 100000 << ( $try - 1 ), 2000000 );
		return random_int( intdiv( $most, 2 ), $most );
	}

	private function options( string $path ): array {
		$headers = [ 'Accept: application/json', 'Content-Type: application/json', 'Expect:' ];
		if ( $this->token !== '' ) {
			$headers[] = 'Authorization: Bearer ' . $this->token;
		}
		return [ CURLOPT_URL => $this->url . $path, CURLOPT_HTTPHEADER => $headers, CURLOPT_CONNECTTIMEOUT_MS => (int)( 1000 * $this->timeout ) ];
	}

	private function once( string $method, string $path, ?array $body ): array {
		curl_reset( $this->curl ); // keeps the connection
		curl_setopt_array( $this->curl, $this->options( $path ) + [
			CURLOPT_CUSTOMREQUEST => $method, CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT_MS => (int)( 1000 * $this->timeout ),
		] );
		if ( $body !== null ) {
			curl_setopt( $this->curl, CURLOPT_POSTFIELDS, json_encode( $body, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION ) );
		}
		$text = curl_exec( $this->curl );
		if ( $text === false ) {
			throw new SluiceException( curl_error( $this->curl ), 0 );
		}
		$code = curl_getinfo( $this->curl, CURLINFO_RESPONSE_CODE );
		$answer = json_decode( $text, true );
		if ( $code !== 200 ) {
			throw self::refused( $code, $answer );
		}
		if ( !is_array( $answer ) ) {
			throw new SluiceException( "$path: the answer is no JSON", 0, 'CORRUPT' );
		}
		return $answer;
	}

	private function download( string $date, string $part ): void {
		clearstatcache( true, $part );
		$have = is_file( $part ) ? filesize( $part ) : 0;
		$file = fopen( $part, 'ab' );
		curl_reset( $this->curl );
		curl_setopt_array( $this->curl, $this->options( '/v1/feeds/' . rawurlencode( $date ) . '.jsonl.gz' ) + [
			CURLOPT_FILE => $file, CURLOPT_RESUME_FROM => $have, CURLOPT_FAILONERROR => true,
			// A download is as long as it is; one that stands still is broken.
			CURLOPT_LOW_SPEED_LIMIT => 1, CURLOPT_LOW_SPEED_TIME => max( 1, (int)$this->timeout ),
		] );
		$ok = curl_exec( $this->curl );
		fclose( $file );
		$code = curl_getinfo( $this->curl, CURLINFO_RESPONSE_CODE );
		if ( $ok || $code === 416 ) { // 416: nothing is missing
			return;
		}
		// What came of a broken 200 or 206 stays and is gone on with.
		throw new SluiceException( curl_error( $this->curl ), $code >= 400 ? $code : 0 );
	}

	private static function refused( int $code, mixed $answer ): SluiceException {
		$reason = $field = '';
		foreach ( $answer['details'] ?? [] as $detail ) {
			$reason = $detail['reason'] ?? $reason;
			$field = $detail['fieldViolations'][0]['field'] ?? $detail['field_violations'][0]['field'] ?? $field;
		}
		return new SluiceException( $answer['message'] ?? "HTTP $code", $code, $reason, $field );
	}
}
