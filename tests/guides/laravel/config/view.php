<?php

return ['paths' => [base_path('views')], 'compiled' => base_path('views')];
