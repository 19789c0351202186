<?php
// Asks a running service through the generated PHP client and prints the answers.
[ , $generated, $url, $token ] = $argv;
require 'GuzzleHttp/autoload.php';
spl_autoload_register( static function ( string $class ) use ( $generated ): void {
	if ( str_starts_with( $class, 'Sluice\\' ) ) {
		require $generated . '/lib/' . strtr( substr( $class, 7 ), '\\', '/' ) . '.php';
	}
} );

use Sluice\Api\FeedsApi;
use Sluice\Api\IpoidApi;
use Sluice\Api\ScoreServiceApi;
use Sluice\ApiException;
use Sluice\Configuration;
use Sluice\Model\V1LookupIpsRequest;
use Sluice\Model\V1ScoreRowsRequest;

function service( string $class, string $url, string $token ): object {
	$http = new GuzzleHttp\Client( [ 'headers' => [ 'Authorization' => 'Bearer ' . $token ], 'timeout' => 5 ] );
	return new $class( $http, ( new Configuration() )->setHost( $url ) );
}

function code( callable $call ): string {
	try {
		$call();
		return 'none';
	} catch ( ApiException $e ) {
		$info = json_decode( $e->getResponseBody(), true )['details'][0];
		return $e->getCode() . ' ' . $info['reason'] . ' ' . ( $info['metadata']['field'] ?? '' );
	}
}

$scores = service( ScoreServiceApi::class, $url, $token );
$score = $scores->scoreServiceGetIpScore( '192.0.2.77' );

$listed = [];
$page = '';
do {
	$answer = $scores->scoreServiceListIpScores( 10, $page, 'ip = "192.0.2.*"' );
	foreach ( $answer->getIpScores() as $one ) {
		$listed[] = $one->getIp();
	}
	$page = $answer->getNextPageToken();
} while ( $page !== '' );

$changes = [];
foreach ( $scores->scoreServiceListFeedChanges( 'latest', '2024-08-30' )->getChanges() as $change ) {
	$changes[] = $change->getKind() . ' ' . $change->getIp();
}

$lookup = $scores->scoreServiceLookupIps( new V1LookupIpsRequest( [ 'ips' => [ '192.0.2.1', '203.0.113.9', 'x' ] ] ) );
$features = array_map( static fn ( $f ) => $f->getName(), $scores->scoreServiceGetModelVersion( 'champion' )->getFeatures() );
$rows = $scores->scoreServiceScoreRows( new V1ScoreRowsRequest( [
	'feature_names' => $features,
	// Half, a quarter, all missing, and -1, which no feature can be.
	'values' => array_merge( ...array_map( static fn ( $v ) => array_fill( 0, count( $features ), $v ), [ 0.5, 0.25, null, -1.0 ] ) ),
	'max_reasons' => 1,
] ) );
$batch = $scores->scoreServiceBatchGetIpScores( [ 'ips/192.0.2.2', 'ips/2001:db8:0:5::1' ] );
$feed = service( FeedsApi::class, $url, $token )->latestFeed()->getJson();

echo json_encode( [
	'name' => $score->getName(),
	'confidence' => $score->getConfidence(),
	'verdict' => $score->getVerdict(),
	'unknown' => code( static fn () => $scores->scoreServiceGetIpScore( '203.0.113.9' ) ) === '404 NOT_FOUND '
		&& code( static fn () => service( IpoidApi::class, $url, $token )->ipoidLookup( 'x' ) ) === '400 INVALID ip',
	'lookup' => array_map( static fn ( $r ) => $r->getStatus()->getCode() ?? 0, $lookup->getResults() ),
	'listed' => $listed,
	'changes' => $changes,
	'batch' => array_map( static fn ( $s ) => $s->getIp(), $batch->getIpScores() ),
	'feed' => $feed->getDate() . ' ' . $feed->getRows(),
	'refused' => code( static fn () => $scores->scoreServiceGetIpScore( '192.0.2.300' ) ),
	'denied' => code( static fn () => service( ScoreServiceApi::class, $url, 'no-such-token-000' )->scoreServiceGetIpScore( '192.0.2.77' ) ),
	'rows' => $rows->getConfidences(),
	'reasons' => array_map( static fn ( $r ) => count( $r->getReasons() ), $rows->getReasons() ),
], JSON_THROW_ON_ERROR );
