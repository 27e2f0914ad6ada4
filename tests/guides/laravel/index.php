<?php

// What a new Laravel project has, as far as the files of the guide need it. `php index.php migrate` creates the tables.

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernelContract;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap;
use Illuminate\Foundation\Exceptions\Handler;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Foundation\Http\Middleware\VerifyCsrfToken;
use Illuminate\Foundation\Support\Providers\RouteServiceProvider;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

require '/usr/share/php/GuzzleHttp/autoload.php';
require '/usr/share/php/Illuminate/autoload.php';

spl_autoload_register(function (string $class): void {
    $file = __DIR__ . '/' . strtr(lcfirst($class), '\\', '/') . '.php';
    if (str_starts_with($class, 'App\\') && is_file($file)) {
        require $file;
    }
});

class Routes extends RouteServiceProvider
{
    public function boot(): void
    {
        $this->routes(fn () => Route::middleware('web')->group(base_path('routes/web.php')));
    }
}

class HttpKernel extends Kernel
{
    protected $bootstrappers = [
        Bootstrap\LoadConfiguration::class,
        Bootstrap\HandleExceptions::class,
        Bootstrap\RegisterFacades::class,
        Bootstrap\RegisterProviders::class,
        Bootstrap\BootProviders::class,
    ];
    protected $middlewareGroups = [
        'web' => [
            Illuminate\Cookie\Middleware\EncryptCookies::class,
            Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
            Illuminate\Session\Middleware\StartSession::class,
            VerifyCsrfToken::class,
            Illuminate\Routing\Middleware\SubstituteBindings::class,
        ],
    ];
}

$app = new Application(__DIR__);
$app->singleton(HttpKernelContract::class, HttpKernel::class);
$app->singleton(ExceptionHandler::class, Handler::class);
$kernel = $app->make(HttpKernelContract::class);
$kernel->bootstrap();

if (($argv[1] ?? '') === 'migrate') {
    (require glob(__DIR__ . '/database/migrations/*.php')[0])->up();
    exit(0);
}

$request = Request::capture();
// As for the requests of scripts: errors are JSON, too.
$request->headers->set('Accept', 'application/json');
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
