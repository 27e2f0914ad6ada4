<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('bookings', function (Blueprint $table) {
            $table->string('id', 36)->primary();
            $table->string('student_id');
            $table->string('tutor_id');
            $table->dateTime('starts_at');
            $table->string('status')->default('requested');
        });
        Schema::create('calls', function (Blueprint $table) {
            $table->uuid('id')->primary();
            $table->string('booking_id', 36);
            $table->foreign('booking_id')->references('id')->on('bookings');
            $table->unsignedInteger('seconds');
        });
        Schema::create('processed_events', function (Blueprint $table) {
            $table->string('id')->primary();
        });
    }
};
