package client

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"

	pb "sluice/proto/sluice/v1"
	"sluice/serve/server/wire"
)

// retries are gRPC's own: four tries of a call that is UNAVAILABLE, the waits
// between them growing from a tenth of a second, and not while most calls fail.
const retries = `{
  "methodConfig": [{
    "name": [{"service": "sluice.v1.ScoreService"}],
    "waitForReady": true,
    "retryPolicy": {
      "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }],
  "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}
}`

// DefaultTimeout is how long a unary call may take, retries included, where its
// context has no deadline.
const DefaultTimeout = 5 * time.Second

// Options say how to call. The zero value calls without encryption or token.
type Options struct {
	// TLS encrypts the connection; nil is none.
	TLS credentials.TransportCredentials
	// Token is shown with each call; "" is none.
	Token string
	// Timeout bounds a unary call whose context has no deadline; 0 is
	// DefaultTimeout.
	Timeout time.Duration
}

// Client is a connection to a scoring service.
type Client struct {
	pb.ScoreServiceClient
	conn *grpc.ClientConn
}

// New makes a client of the service at addr, HOST:PORT. It connects with the
// first call.
func New(addr string, o Options) (*Client, error) {
	if o.TLS == nil {
		o.TLS = insecure.NewCredentials()
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(o.TLS),
		grpc.WithDefaultServiceConfig(retries),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.ForceCodecV2(wire.Codec)),
		grpc.WithUnaryInterceptor(deadline(o.Timeout)),
		experimental.WithBufferPool(wire.Buffers),
	}
	if o.Token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(o.Token)))
	}
	conn, err := grpc.NewClient(addr, options...)
	if err != nil {
		return nil, err
	}
	return &Client{pb.NewScoreServiceClient(conn), conn}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// deadline gives calls without a deadline one.
func deadline(after time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, q, a any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
		if _, has := ctx.Deadline(); !has {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, after)
			defer cancel()
		}
		return invoke(ctx, method, q, a, conn, o...)
	}
}

// bearer is a token as gRPC shows it.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity lets a token travel to a proxy on this machine.
func (b bearer) RequireTransportSecurity() bool { return false }
