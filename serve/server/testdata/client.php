<?php
// Asks a running service through Sluice's PHP client and prints the answers.
[ , $client, $url, $breaking, $token, $file ] = $argv;
require $client;

function code( callable $call ): string {
	try {
		$call();
		return 'none';
	} catch ( SluiceException $e ) {
		return $e->getCode() . ' ' . $e->reason . ' ' . $e->field;
	}
}

$sluice = new SluiceClient( $url, $token );
$score = $sluice->getIpScore( '192.0.2.77' );
$latest = $sluice->latestFeed()['json'];
( new SluiceClient( $breaking, $token ) )->downloadFeed( $latest['date'], $file, $latest['sha256'] );
$changes = [];
foreach ( $sluice->feedChanges( '2024-08-30' ) as $change ) {
	$changes[] = $change['kind'] . ' ' . $change['ip'];
}
$listed = [];
foreach ( $sluice->listIpScores( 'ip = "192.0.2.*"', 10 ) as $one ) {
	$listed[] = $one['ip'];
}
$names = $sluice->modelFeatures();
$rows = $sluice->scoreRows( $names, [ array_fill( 0, count( $names ), 0.5 ), array_fill( 0, count( $names ), NAN ) ], 1 );
echo json_encode( [
	'name' => $score['name'],
	'confidence' => $score['confidence'],
	'verdict' => $score['verdict'],
	'unknown' => $sluice->getIpScore( '203.0.113.9' ) === null,
	'lookup' => array_map( static fn ( $r ) => $r['status']['code'] ?? 0, $sluice->lookupIps( [ '192.0.2.1', '203.0.113.9', 'x' ] ) ),
	'listed' => $listed,
	'changes' => $changes,
	'refused' => code( static fn () => $sluice->getIpScore( '192.0.2.300' ) ),
	'denied' => code( static fn () => ( new SluiceClient( $url, 'no-such-token-000' ) )->getIpScore( '192.0.2.77' ) ),
	'nobody' => code( static fn () => ( new SluiceClient( 'http://127.0.0.1:1', '', 0.2, 2 ) )->getIpScore( '192.0.2.77' ) ),
	'rows' => $rows['confidences'],
	'reasons' => array_map( static fn ( $r ) => count( $r['reasons'] ), $rows['reasons'] ),
], JSON_THROW_ON_ERROR );
