<?php

return [
    'default' => 'sqlite',
    'connections' => [
        'sqlite' => ['driver' => 'sqlite', 'database' => base_path('product.sqlite'), 'foreign_key_constraints' => true],
    ],
];
